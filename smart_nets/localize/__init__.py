"""Where an encoder looks in a whole scan, and whether a tumour is there."""
