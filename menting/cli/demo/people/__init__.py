"""The people of the demo: a script a channel, none of which uses the product's code."""
