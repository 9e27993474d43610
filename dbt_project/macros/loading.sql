{#- A full refresh starts by forgetting which files were loaded, so that a build that is killed in
    the middle of one, and started again without the flag, still reads every file. -#}
{% macro forget_loads_on_full_refresh() %}
    {%- set loads = adapter.get_relation(this.database, this.schema, 'loads') -%}
    {%- if flags.FULL_REFRESH and loads is not none -%}
        delete from {{ loads }}
    {%- endif -%}
{% endmacro %}

{#- The relation `loads`, or none where none of it counts: there is none yet, or it is from before a
    file's row kept the code that loaded it. -#}
{% macro loads_with_code() %}
    {%- set loads = adapter.get_relation(this.database, this.schema, 'loads') -%}
    {%- if loads is not none -%}
        {%- set columns = adapter.get_columns_in_relation(loads) | map(attribute='name') | list -%}
        {{ return(loads if 'code' in columns else none) }}
    {%- endif -%}
    {{ return(none) }}
{% endmacro %}

{#- After the files to load are known: when the code of today has loaded none, every file is read
    again and what the loading keeps goes, columns and all. -#}
{% macro drop_what_other_code_loaded() %}
    {%- if execute -%}
        {%- set loads = loads_with_code() -%}
        {%- set loaded = run_query(
            'select count(*) from ' ~ loads ~ ' where code = loading_revision()'
        ).rows[0][0] if loads is not none else 0 -%}
        {%- if loaded == 0 -%}
            {{ drop_incremental_models(
                ['events', 'entities', 'daily', 'observability'], 'loads', 'sales lines and days'
            ) }}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{#- Before an incremental model adds the rows of the files being loaded: remove what a build that
    was killed may have left of them. Runs in the transaction of the model. A full refresh of such a
    model is only right when every file is read again. -#}
{% macro forget_files_to_load(entity) %}
    {%- set files_to_load = ref('files_to_load') -%}
    {%- if is_incremental() -%}
        delete from {{ this }}
        where file_id in (
            select file_id from {{ files_to_load }} where entity = '{{ entity }}'
        )
    {%- elif flags.FULL_REFRESH and execute -%}
        {%- set loads = adapter.get_relation(this.database, this.schema, 'loads') -%}
        {%- set loaded = run_query('select count(*) from ' ~ loads).rows[0][0] if loads else 0 -%}
        {%- if loaded > 0 -%}
            {{ exceptions.raise_compiler_error(
                this.identifier ~ ": expected a full refresh to read every landed file again, found "
                ~ loaded ~ " marked as loaded. Run dbt build --full-refresh without a selection."
            ) }}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}

{#- Before a model by day adds the days that have to be computed again: remove them. -#}
{% macro forget_touched_days(day) %}
    {%- set touched_days = ref('touched_days') -%}
    {%- if is_incremental() -%}
        delete from {{ this }}
        where {{ day }} in (select day_on from {{ touched_days }})
    {%- endif -%}
{% endmacro %}

{#- Before the lines that are decided again are added with their new decision: remove the old. -#}
{% macro forget_reopened_lines() %}
    {%- set reopened = ref('sales_events_reopened') -%}
    {%- if is_incremental() -%}
        delete from {{ this }}
        where (file_id, row_number) in (
            select file_id, row_number from {{ reopened }}
        )
    {%- endif -%}
{% endmacro %}
