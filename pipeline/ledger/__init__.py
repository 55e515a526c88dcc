"""The ledger: everything that a sweep remembers, in MLflow. Nothing else imports MLflow."""
