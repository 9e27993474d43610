{#- At the start of a run: a home is of one deployment, which may grow. Were a source left out, its lines
    would stay in the warehouse, and its forecast in the port. -#}
{% macro hold_deployment() %}
    {%- if execute -%}
        {%- set left_out = run_query(
            "select source from state.deployed_sources where source not in ('"
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
    insert into state.deployed_sources
    select source from (values {% for name in var('sources') | sort -%}
        ('{{ name }}'){{ ', ' if not loop.last }}
    {%- endfor %}) as deployed (source)
    where source not in (select source from state.deployed_sources)
{% endmacro %}
