"""What tests share: apps, real servers, providers that misbehave, crowds of clients."""
