"""What surrounds the product on AWS: templates, artifacts of the functions, deploying."""
