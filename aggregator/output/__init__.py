"""Every file that is handed on: the report's folder, tables for papers and programs, an adapter for the hub."""
