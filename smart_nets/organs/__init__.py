"""What an encoder knows of organs nobody named to it."""
