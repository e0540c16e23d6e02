"""The office: commands in, facts appended, projections kept up, in one transaction each."""
