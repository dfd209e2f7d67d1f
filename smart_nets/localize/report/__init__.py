"""Pictures, files and pages of localisation."""
