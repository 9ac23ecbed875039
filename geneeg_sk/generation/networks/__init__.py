"""The networks of the generator, their losses, and how they are trained and sampled from."""
