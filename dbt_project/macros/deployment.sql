{#- At the start of a run: a home is of one deployment, which may grow. Were a source left out, its lines
    would stay in the warehouse, and its forecast in the port. -#}
{% macro hold_deployment() %}
    {%- set decided = adapter.get_relation(target.database, target.schema, 'sales_events_decided') -%}
    {%- if execute and decided is not none -%}
        {%- set left_out = run_query(
            "select distinct source from " ~ decided ~ " where source not in ('"
            ~ var('sources') | join("', '") ~ "') order by 1"
        ).columns[0].values() -%}
        {%- if left_out -%}
            {{ exceptions.raise_compiler_error(
                'sources: expected ' ~ left_out | join(', ') ~ ' among them, whose sales this home '
                ~ 'holds, found ' ~ var('sources') | sort | join(', ') ~ '. Deploy other sources '
                ~ 'in a home of their own (MESHCAST_HOME), or list these too.'
            ) }}
        {%- endif -%}
    {%- endif -%}
{% endmacro %}
