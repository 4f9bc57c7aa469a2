"""What a statement on distributed tables must not say, and why: forms that Citus refuses, one that it answers by reading a table
whole, and one that it counts wrong. Statements are parsed by PostgreSQL's own grammar."""

from pglast import ast, parse_sql
from pglast.enums import A_Expr_Kind, BoolExprType, JoinType, OnConflictAction

# The name of each rule, and the reason. What Citus says is quoted.
RULES = {
    "generic plan": "an INSERT of a function's rows is planned without its values: \"could not create distributed plan\"; "
    "set plan_cache_mode = force_custom_plan",
    "uncounted": "INSERT ... SELECT ... ON CONFLICT DO NOTHING of rows that come from the coordinator: Citus counts those that it was given "
    "and not those that it took; add RETURNING",
    "lock of many": "SELECT ... FOR UPDATE is not of one saga: \"could not run distributed query with FOR UPDATE/SHARE commands\"; "
    "lock by UPDATE ... SET version = version ... RETURNING in a CTE",
    "lateral": "a lateral subquery reads a distributed table for each row of something else: \"cannot push down this subquery\"; "
    "ask for all at once by saga_id = ANY(...)",
    "no columns": "a SELECT without columns: its parts have no rows to count; say SELECT 1",
    "recursive": "WITH RECURSIVE over a distributed table: \"recursive CTEs are not supported in distributed queries\"; "
    "say DISTINCT ... > $1 ORDER BY ... LIMIT",
    "correlated": "a subquery over a distributed table asks for each row of what is none: \"correlated subqueries are not supported "
    "when the FROM clause contains ...\"; collect the keys first, and ask by saga_id = ANY(ARRAY(...))",
    "not co-located": "distributed tables meet by other columns than saga_id: \"complex joins are only supported when all distributed "
    "tables are co-located and joined on their distribution columns\"",
    "outer join": "what is no distributed table is joined with all that it lacks in one: Citus reads the table whole; "
    "read by saga_id = ANY(ARRAY(...)) in a CTE first",
    "limit by query": "a subquery in LIMIT or OFFSET: \"subquery in LIMIT is not supported in multi-shard queries\"",
    "ctid": "rows of a distributed table by ctid: \"queries with ctid on where clause are not supported\"",
    "moved row": "saga_id is changed: \"modifying the partition value of rows is not allowed\"",
    "change by other tables": "an UPDATE or DELETE of a distributed table with the rows of a table of the coordinator, which is on no "
    "worker",
}


class Statement:
    """What is wrong with one statement."""

    def __init__(self, schema, text, is_generic=False):
        self.schema = schema
        self.is_generic = is_generic
        self.broken = set()
        self.tables = set()
        for raw in parse_sql(text):
            self.query(raw.stmt, (), {})

    # --- scopes: each level of a query has its sources by name, and what is known of their columns

    def query(self, node, outer, ctes):
        """A statement or subquery. Gives whether its rows come from the workers as they are asked for."""
        if isinstance(node, ast.SelectStmt):
            return self.select(node, outer, ctes)
        if isinstance(node, (ast.InsertStmt, ast.UpdateStmt, ast.DeleteStmt)):
            return self.change(node, outer, ctes)
        if isinstance(node, ast.CopyStmt) and node.relation:
            self.tables.add(node.relation.relname)
        return False

    def with_clause(self, node, outer, ctes):
        clause = node.withClause
        if clause is None:
            return ctes
        ctes = dict(ctes)
        for cte in clause.ctes:
            if clause.recursive:
                ctes[cte.ctename] = None
                if self.reads(cte.ctequery, ctes):
                    self.broken.add("recursive")
            self.query(cte.ctequery, outer, ctes)
            ctes[cte.ctename] = names_of(cte)
        return ctes

    def select(self, node, outer, ctes):
        ctes = self.with_clause(node, outer, ctes)
        if node.larg:
            # Each side by itself; what is sorted or limited is the whole.
            sides = [self.select(side, outer, ctes) for side in (node.larg, node.rarg)]
            self.limits(node, any(sides), ctes)
            return any(sides)
        level = Level(self, outer, ctes)
        for item in node.fromClause or ():
            level.add(item)
        is_read = level.is_distributed
        level.check_joins(node.whereClause)
        if is_read and node.lockingClause and not is_of_one(node.whereClause):
            self.broken.add("lock of many")
        if is_read and node.targetList is None and node.valuesLists is None:
            self.broken.add("no columns")
        self.limits(node, is_read, ctes)
        parts = (node.targetList, node.whereClause, node.groupClause, node.havingClause, node.sortClause, node.limitCount)
        level.expressions(parts)
        for join in level.quals:
            level.expressions(join)
        is_cut = node.limitCount is not None or node.limitOffset is not None
        return is_read and not is_cut

    def limits(self, node, is_read, ctes):
        for limit in (node.limitCount, node.limitOffset):
            if limit is not None and is_read and any(True for _ in find(limit, ast.SubLink)):
                self.broken.add("limit by query")

    def change(self, node, outer, ctes):
        ctes = self.with_clause(node, outer, ctes)
        table = node.relation.relname
        self.tables.add(table)
        level = Level(self, outer, ctes)
        level.add(node.relation)
        if isinstance(node, ast.InsertStmt):
            if node.selectStmt is not None:
                self.query(node.selectStmt, outer, ctes)
                functions = any(True for _ in find(node.selectStmt, ast.RangeFunction))
                if self.schema.is_distributed(table) and self.is_generic and functions:
                    self.broken.add("generic plan")
                skips = node.onConflictClause and node.onConflictClause.action == OnConflictAction.ONCONFLICT_NOTHING
                if self.schema.is_distributed(table) and functions and skips and not node.returningClause:
                    self.broken.add("uncounted")
            level.expressions((node.onConflictClause, node.returningClause))
            return False
        others = node.fromClause if isinstance(node, ast.UpdateStmt) else node.usingClause
        for item in others or ():
            level.add(item)
        if level.is_distributed and level.local:
            self.broken.add("change by other tables")
        if isinstance(node, ast.UpdateStmt) and self.schema.is_distributed(table):
            if any(target.name == "saga_id" for target in node.targetList):
                self.broken.add("moved row")
        level.check_joins(node.whereClause)
        targets = node.targetList if isinstance(node, ast.UpdateStmt) else None
        level.expressions((targets, node.whereClause, node.returningClause))
        return level.is_distributed

    def reads(self, node, ctes):
        """Whether it reads a distributed table anywhere."""
        return any(table.relname not in ctes and self.schema.is_distributed(table.relname) for table in find(node, ast.RangeVar))


class Level:
    """The sources of one query."""

    def __init__(self, statement, outer, ctes):
        self.statement = statement
        self.outer = outer
        self.ctes = ctes
        # By the name that the query gives each: its columns, or none when they are not known.
        self.sources = {}
        self.distributed = []
        self.local = []
        self.using = set()
        self.quals = []
        self.is_distributed = False

    def add(self, item):
        """Gives whether the item's rows come from the workers."""
        if isinstance(item, ast.RangeVar):
            return self.add_table(item)
        if isinstance(item, ast.JoinExpr):
            return self.add_join(item)
        if isinstance(item, ast.RangeFunction):
            self.sources[item.alias.aliasname if item.alias else ""] = names_of(item) if item.alias else None
            self.expressions(item.functions)
            return False
        if isinstance(item, ast.RangeSubselect):
            scopes = (self, *self.outer) if item.lateral else self.outer
            is_read = self.statement.query(item.subquery, scopes, self.ctes)
            if item.lateral and self.statement.reads(item.subquery, self.ctes):
                self.statement.broken.add("lateral")
            self.sources[item.alias.aliasname if item.alias else ""] = names_of(item)
            self.is_distributed |= is_read
            return is_read
        return False

    def add_table(self, item):
        name, alias = item.relname, item.alias.aliasname if item.alias else item.relname
        if name in self.ctes:
            self.sources[alias] = self.ctes[name]
            return False
        schema = self.statement.schema
        self.statement.tables.add(name)
        self.sources[alias] = schema.columns.get(name)
        is_distributed = schema.is_distributed(name)
        if is_distributed:
            self.distributed.append(alias)
            self.is_distributed = True
        elif schema.place.get(name) == "local":
            self.local.append(alias)
        return is_distributed

    def add_join(self, item):
        left, right = self.add(item.larg), self.add(item.rarg)
        outer = {JoinType.JOIN_LEFT: (left, right), JoinType.JOIN_RIGHT: (right, left)}.get(item.jointype)
        if outer == (False, True) or (item.jointype == JoinType.JOIN_FULL and left != right):
            self.statement.broken.add("outer join")
        self.using |= {name.sval for name in item.usingClause or ()}
        self.quals.append(item.quals)
        return left or right

    def check_joins(self, where):
        """All distributed tables of a level are joined on the saga's id."""
        if len(self.distributed) < 2 or "saga_id" in self.using:
            return
        tied = {self.distributed[0]}
        pairs = [pair for condition in (where, *self.quals) for pair in ties(condition)]
        for _ in self.distributed:
            for one, other in pairs:
                if {one, other} & tied:
                    tied |= {one, other}
        if not set(self.distributed) <= tied:
            self.statement.broken.add("not co-located")

    def expressions(self, node):
        """Subqueries within expressions, and columns that no rule allows."""
        for link in find(node, ast.SubLink, stop=ast.SubLink):
            self.statement.query(link.subselect, (self, *self.outer), self.ctes)
            self.check_correlation(link.subselect)
            if link.testexpr is not None:
                self.expressions(link.testexpr)
        if self.distributed:
            for column in find(node, ast.ColumnRef, stop=ast.SubLink):
                if last(column) == "ctid":
                    self.statement.broken.add("ctid")

    def check_correlation(self, subquery):
        if not self.statement.reads(subquery, self.ctes):
            return
        if not any(self.owns(column, subquery) for column in find(subquery, ast.ColumnRef)):
            return
        if not self.is_distributed:
            self.statement.broken.add("correlated")
        elif not any({one, other} & set(self.distributed) for query in find(subquery, ast.SelectStmt) for one, other in ties(query.whereClause)):
            self.statement.broken.add("not co-located")

    def owns(self, column, subquery):
        """Whether a column within a subquery is of a source of this level."""
        names = [field.sval for field in column.fields if isinstance(field, ast.String)]
        inner = inner_sources(self.statement, subquery, self.ctes)
        if len(names) > 1:
            return names[0] in self.sources and names[0] not in inner
        if not names or any(columns is None or names[0] in columns for columns in inner.values()):
            return False
        return any(columns is not None and names[0] in columns for columns in self.sources.values())


def inner_sources(statement, node, ctes):
    """The sources of a subquery and of all within it, by name."""
    found = {}
    for item in find(node, ast.RangeVar):
        name, alias = item.relname, item.alias.aliasname if item.alias else item.relname
        found[alias] = ctes[name] if name in ctes else statement.schema.columns.get(name)
    for kind in (ast.RangeSubselect, ast.RangeFunction):
        for item in find(node, kind):
            found[item.alias.aliasname if item.alias else ""] = names_of(item)
    return found


def names_of(item):
    """The columns that an alias or the targets name; none when one of them has no name."""
    alias = getattr(item, "alias", None)
    names = alias.colnames if alias else getattr(item, "aliascolnames", None)
    if names:
        return {name.sval for name in names}
    query = getattr(item, "subquery", None) or getattr(item, "ctequery", None)
    while isinstance(query, ast.SelectStmt) and query.larg:
        query = query.larg
    returning = getattr(query, "returningClause", None)
    targets = returning.exprs if returning else getattr(query, "targetList", None)
    columns = [target.name or (isinstance(target.val, ast.ColumnRef) and last(target.val)) for target in targets or ()]
    return set(columns) if columns and all(columns) else None


def last(column):
    field = column.fields[-1]
    return field.sval if isinstance(field, ast.String) else None


def conjuncts(node):
    if isinstance(node, ast.BoolExpr) and node.boolop == BoolExprType.AND_EXPR:
        for part in node.args:
            yield from conjuncts(part)
    elif node is not None:
        yield node


def ties(where):
    """Pairs of sources whose saga_id is said to be the same."""
    for part in conjuncts(where):
        if not isinstance(part, ast.A_Expr) or part.name[-1].sval != "=" or part.kind != A_Expr_Kind.AEXPR_OP:
            continue
        sides = (part.lexpr, part.rexpr)
        if all(isinstance(side, ast.ColumnRef) and last(side) == "saga_id" for side in sides):
            yield tuple(side.fields[0].sval for side in sides)


def is_of_one(where):
    """Only rows of one saga."""
    for part in conjuncts(where):
        if isinstance(part, ast.A_Expr) and part.kind == A_Expr_Kind.AEXPR_OP and part.name[-1].sval == "=":
            sides = (part.lexpr, part.rexpr)
            names = [isinstance(side, ast.ColumnRef) and last(side) for side in sides]
            if "saga_id" in names and any(isinstance(side, (ast.ParamRef, ast.A_Const)) for side in sides):
                return True
    return False


def find(node, kind, stop=None):
    """All nodes of a kind within a node; not those within one of the kind that stops."""
    if isinstance(node, (list, tuple)):
        for part in node:
            yield from find(part, kind, stop)
    elif isinstance(node, ast.Node):
        if isinstance(node, kind):
            yield node
        if stop is not None and isinstance(node, stop):
            return
        for attribute in node:
            yield from find(getattr(node, attribute), kind, stop)
