"""The command ``ovswarden``: the REST API for people and scripts. Of the controller it knows what HTTP tells."""
