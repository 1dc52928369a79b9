"""What is particular to Telegram, against the fake Bot API that aiogram checks."""
