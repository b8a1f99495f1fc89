"""From an outcome to reports: a view model, then one file per format."""
