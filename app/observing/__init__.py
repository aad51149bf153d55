"""What is seen of the running firewall and told: events of changes, looks at switches, numbers, scrapes."""
