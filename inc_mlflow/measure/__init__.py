"""Measurement: outcomes, speed, and what they prove. Knows no framework: runners come as arguments."""
