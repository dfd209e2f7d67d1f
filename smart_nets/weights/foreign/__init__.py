"""Encoders of others, frozen: open_encoder (`door`) gives one as a `FeatureSource`, fed and read as its card says."""
