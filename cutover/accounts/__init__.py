"""Accounts and sign-in: who may enter, by which proof, and how often somebody may guess."""
