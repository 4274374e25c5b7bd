"""The drawn chest: who the person is, how the film is taken, what can be seen on it, and the picture."""
