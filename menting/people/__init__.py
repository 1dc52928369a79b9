"""People who came by themselves: who they are, what they said and what they agreed to."""
