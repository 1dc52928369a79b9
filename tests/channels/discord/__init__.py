"""What is particular to Discord, against the fake that hikari checks."""
