"""What is shown: the core's answers as JSON, text and pictures."""
