"""How unlike the heads of an encoder look."""
