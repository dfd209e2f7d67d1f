"""Classification of lesions."""
