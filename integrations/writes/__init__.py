"""Who may write to a database: the freeze and its proof."""
