"""The tables: where each is when they are distributed, and its columns, by the migrations."""

import json
import pathlib

from pglast import ast, parse_sql
from pglast.enums import AlterTableType


class Schema:
    """Tables and views by name."""

    def __init__(self, store):
        """From the folder of the store."""
        store = pathlib.Path(store)
        listed = json.loads((store / "src/postgres/distribution/tables.json").read_text())
        self.place = {name: place for place, names in listed.items() for name in names}
        self.columns = {}
        for migration in sorted((store / "migrations/postgres").glob("*.sql")):
            for raw in parse_sql(migration.read_text()):
                self._apply(raw.stmt)

    def is_distributed(self, name):
        return self.place.get(name) == "distributed"

    def distributed(self):
        return [name for name, place in self.place.items() if place == "distributed"]

    def _apply(self, statement):
        if isinstance(statement, ast.CreateStmt):
            name = statement.relation.relname
            columns = set()
            for element in statement.tableElts or ():
                if isinstance(element, ast.ColumnDef):
                    columns.add(element.colname)
                elif isinstance(element, ast.TableLikeClause):
                    columns |= self.columns[element.relation.relname]
            for parent in statement.inhRelations or ():
                columns |= self.columns[parent.relname]
            self.columns[name] = columns
        elif isinstance(statement, ast.AlterTableStmt):
            columns = self.columns.setdefault(statement.relation.relname, set())
            for command in statement.cmds:
                if command.subtype == AlterTableType.AT_AddColumn:
                    columns.add(command.def_.colname)
                elif command.subtype == AlterTableType.AT_DropColumn:
                    columns.discard(command.name)
        elif isinstance(statement, ast.RenameStmt) and statement.relation is not None:
            columns = self.columns.get(statement.relation.relname)
            if columns is not None and statement.subname:
                columns.discard(statement.subname)
                columns.add(statement.newname)
            elif columns is not None:
                self.columns[statement.newname] = columns
        elif isinstance(statement, ast.ViewStmt):
            # A view is where the tables are that it reads.
            name, select = statement.view.relname, statement.query
            read = [item.relname for item in select.fromClause if isinstance(item, ast.RangeVar)]
            self.place[name] = next((self.place[table] for table in read if table in self.place), "local")
            self.columns[name] = {target.name or target.val.fields[-1].sval for target in select.targetList}
