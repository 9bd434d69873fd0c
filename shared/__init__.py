"""Everything both apps stand on: settings, rules, models, actions, queries, mail and jobs. Never imports the apps."""
