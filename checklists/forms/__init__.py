"""Forms: they validate what people type before a service receives it."""
