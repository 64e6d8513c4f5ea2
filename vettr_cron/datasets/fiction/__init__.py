"""The made-up stocks of the generator: any resemblance to a company, person or security is coincidental."""
