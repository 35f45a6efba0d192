"""
Tests of what needs no package but this one. They are written with unittest, so that any Python can run them:
PYTHONPATH=src python3.10 -m unittest discover -t tests -s tests/core
"""
