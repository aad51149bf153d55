"""What the switches themselves say when somebody wants to know why."""
