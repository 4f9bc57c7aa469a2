-- What of Citus the adapter asks, in a schema that is searched after its real place: a database that looks distributed, so that the
-- statements for one are tested everywhere. Tables stay where they are.
CREATE TABLE pg_dist_partition (logicalrelid regclass PRIMARY KEY, partmethod "char" NOT NULL, colocated text);
CREATE TABLE pg_dist_local_group (groupid integer NOT NULL);
INSERT INTO pg_dist_local_group VALUES (0);
CREATE TABLE pg_dist_node (isactive boolean NOT NULL, shouldhaveshards boolean NOT NULL, noderole text NOT NULL);
INSERT INTO pg_dist_node VALUES (true, true, 'primary'), (true, true, 'primary'), (true, false, 'primary');
-- Tables that cannot be moved.
CREATE TABLE refused (name text);
CREATE FUNCTION citus_version() RETURNS text LANGUAGE sql AS $$ SELECT 'Citus 13.2.2 on x86_64' $$;
CREATE FUNCTION create_distributed_table(name regclass, by text, colocate_with text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM refused WHERE refused.name = create_distributed_table.name::text) THEN
        RAISE EXCEPTION 'a worker is unavailable' USING ERRCODE = '08006';
    END IF;
    INSERT INTO pg_dist_partition VALUES (name, 'h', colocate_with);
END
$$;
CREATE FUNCTION create_reference_table(name regclass) RETURNS void LANGUAGE sql AS $$
    INSERT INTO pg_dist_partition VALUES (name, 'n', NULL) $$;
CREATE FUNCTION undistribute_table(name regclass) RETURNS void LANGUAGE sql AS $$
    DELETE FROM pg_dist_partition WHERE logicalrelid = name $$;
CREATE FUNCTION truncate_local_data_after_distributing_table(name regclass) RETURNS void LANGUAGE sql AS $$ SELECT $$;
