"""The platforms, each behind one documented interface; no channel knows another."""
