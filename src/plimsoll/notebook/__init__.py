"""What people call from a notebook or a script: run, read outputs, load releases; and how these show themselves."""
