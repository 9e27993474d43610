{#- The rows of a source's landed files, for its staging models: the declared columns, old names of
    a renamed column coalesced, absent ones null, personal ones hashed; and the line's identity
    (file_id, row_number from 1, known_on) with `unparsed_line` for a line that is no record.
    Only the accepted files of `files_to_load` are read. In a dbt unit test the given rows stand for
    all of this. -#}
{% macro landed(source_name, entity) %}
    {{- config(
        enabled=is_deployed(source_name, entity),
        pre_hook="{{ remember_files('" ~ source_name ~ "', '" ~ entity ~ "') }}",
    ) -}}
    {%- set table = source(source_name, entity) -%}
    {%- if '__dbt__cte__' in table | string -%}
        (select * from {{ table }})
    {%- else -%}
        {%- set files = ref('files_to_load') -%}
        {%- set found = columns_of_files(files, source_name, entity) -%}
        {%- set columns = declared_columns(source_name, entity) -%}
        {%- if found.files == 0 -%}
        (
            select
                cast(null as bigint) as file_id,
                cast(null as bigint) as row_number,
                cast(null as date) as known_on,
                cast(null as varchar) as unparsed_line
                {%- for column in columns %},
                cast(null as varchar) as {{ adapter.quote(column.name) }}
                {%- endfor %}
            where false
        )
        {%- else -%}
        (
            select
                files.file_id,
                landed.file_row_number + 1 as row_number,
                files.known_on,
                {{ 'landed.unparsed_line' if found.has_unparsed else 'cast(null as varchar)' }}
                    as unparsed_line
                {%- for column in columns %},
                {{ landed_column(column, found.columns) }} as {{ adapter.quote(column.name) }}
                {%- endfor %}
            from {{ read_landed_files(files_variable(source_name, entity)) }} as landed
            inner join {{ files }} as files
                on landed.filename = {{ home_path('files.readable_path') }}
        )
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{#- The columns that identify a landed line, for the select list of a staging model. -#}
{% macro line_identity() -%}
    file_id, row_number, known_on, unparsed_line
{%- endmacro %}

{#- Before a staging model: keep the paths of its files in a session variable, since DuckDB refuses
    a sub-query inside read_parquet and a glob would die on one corrupt file. -#}
{% macro remember_files(source_name, entity) %}
set variable {{ files_variable(source_name, entity) }} = (
    select list({{ home_path('readable_path') }} order by readable_path)
    from {{ ref('files_to_load') }}
    where source = '{{ source_name }}' and entity = '{{ entity }}'
)
{% endmacro %}

{% macro files_variable(source_name, entity) -%}
    meshcast_{{ source_name }}_{{ entity }}
{%- endmacro %}

{% macro home_path(readable_path) -%}
    '{{ env_var('MESHCAST_HOME', '.meshcast') }}/' || {{ readable_path }}
{%- endmacro %}

{% macro read_landed_files(variable) %}
    {{- return(adapter.dispatch('read_landed_files')(variable)) -}}
{% endmacro %}

{% macro duckdb__read_landed_files(variable) -%}
    read_parquet(
                getvariable('{{ variable }}'),
                filename = true,
                file_row_number = true,
                union_by_name = true,
                hive_partitioning = false
            )
{%- endmacro %}

{#- What the files to load hold: how many there are, the names of their columns (lower case), and
    whether any was normalised and so may hold lines that did not parse. -#}
{% macro columns_of_files(files, source_name, entity) %}
    {%- set found = {'files': 0, 'columns': [], 'has_unparsed': false} -%}
    {%- if execute and load_relation(files) is not none -%}
        {%- set condition -%}
            source = '{{ source_name }}' and entity = '{{ entity }}'
        {%- endset -%}
        {%- set summary = run_query(
            "select count(*), count(*) filter (where readable_path not like 'landing/%') from "
            ~ files ~ " where " ~ condition
        ).rows[0] -%}
        {%- set names = run_query(
            "select distinct lower(unnest(column_names)) from " ~ files ~ " where " ~ condition
        ) -%}
        {%- do found.update({
            'files': summary[0] | int,
            'columns': names.columns[0].values() | list,
            'has_unparsed': summary[1] > 0,
        }) -%}
    {%- endif -%}
    {{ return(found) }}
{% endmacro %}

{#- The columns an entity declares: name, is_personal, and the other names it may carry. -#}
{% macro declared_columns(source_name, entity) %}
    {%- set columns = [] -%}
    {%- if execute -%}
        {%- for node in graph.sources.values()
            if node.source_name == source_name and node.name == entity -%}
            {%- for column in node.columns.values() -%}
                {%- set meta = column.config.meta or column.meta -%}
                {%- do columns.append({
                    'name': column.name,
                    'is_personal': meta.get('personal', false),
                    'renamed_from': meta.get('renamed_from', []),
                }) -%}
            {%- endfor -%}
        {%- endfor -%}
    {%- endif -%}
    {{ return(columns) }}
{% endmacro %}

{#- One declared column as the files carry it, under whichever of its names. -#}
{% macro landed_column(column, found_columns) %}
    {%- set names = [] -%}
    {%- for name in [column.name] + column.renamed_from if name | lower in found_columns -%}
        {%- do names.append('landed.' ~ adapter.quote(name)) -%}
    {%- endfor -%}
    {%- if not names -%}
        {%- set value = 'cast(null as varchar)' -%}
    {%- elif names | length == 1 -%}
        {%- set value = names[0] -%}
    {%- else -%}
        {%- set value = 'coalesce(cast(' ~ names | join(' as varchar), cast(') ~ ' as varchar))' -%}
    {%- endif -%}
    {%- if column.is_personal -%}
        {%- set value = 'hash_customer(cast(' ~ value ~ ' as varchar))' -%}
    {%- endif -%}
    {{ return(value) }}
{% endmacro %}
