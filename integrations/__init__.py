"""External systems: actions, the clients that they use, and a sandbox of simulated systems.

Does not depend on models, Celery or web requests.
"""
