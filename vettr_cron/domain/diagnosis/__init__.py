"""What is wrong with a service, and how to mend it: rules over what its settings, servers and run log say."""
