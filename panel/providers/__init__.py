"""The panels that we buy from: their accounts, their catalogues, and what is bought where."""
