"""The made-up stocks of the generator: any likeness to a company, a person or a security is chance."""
