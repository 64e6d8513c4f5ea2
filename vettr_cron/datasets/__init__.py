"""Sources of stocks: checked CSV folders, a real universe of 2017 as a demo, a fictional one of any size."""
