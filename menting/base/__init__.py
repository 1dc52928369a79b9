"""What every part stands on: settings, time, ids, sealed secrets and pace arithmetic."""
