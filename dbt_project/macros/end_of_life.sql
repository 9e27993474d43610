{#- At the start of a run: what its contract ended is not published any longer. dbt itself only warns of
    a deprecation_date, and by the clock; here it is held against the today that was passed in. -#}
{% macro hold_end_of_life() %}
    {%- if execute -%}
        {%- set today = env_var('MESHCAST_TODAY', '') or run_started_at.strftime('%Y-%m-%d') -%}
        {%- for node in graph.nodes.values() if node.deprecation_date -%}
            {%- set ends_on = node.deprecation_date | string -%}
            {%- if ends_on[:10] < today -%}
                {{ exceptions.raise_compiler_error(
                    node.alias ~ ': expected its end of life after today, ' ~ today ~ ', found '
                    ~ ends_on[:10] ~ '. Remove the table from its contract with its model and '
                    ~ 'port, or promise a later endOfLife there; then run '
                    ~ '`meshcast contracts sync`.'
                ) }}
            {%- endif -%}
        {%- endfor -%}
    {%- endif -%}
{% endmacro %}
