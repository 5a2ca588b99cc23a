"""What every frame must look like where it crosses from one stage to the next."""
