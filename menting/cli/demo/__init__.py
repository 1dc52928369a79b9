"""The main job on a real homeserver, with people who are no part of the program."""
