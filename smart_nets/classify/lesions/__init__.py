"""Lists of lesions, and the crops around them."""
