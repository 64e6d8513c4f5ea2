"""Where stocks come from: checked CSV folders, a real universe of 2017 to show, a fictional one of any size."""
