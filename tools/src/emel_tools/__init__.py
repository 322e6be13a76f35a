"""The gates, the bench and the demo of this repository; the sessions of noxfile.py call them."""
