"""What the images of docker-compose.yml need besides the suite."""
