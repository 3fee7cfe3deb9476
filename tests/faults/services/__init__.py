"""What happens when the services and the machine misbehave; every server here is started by the tests themselves."""
