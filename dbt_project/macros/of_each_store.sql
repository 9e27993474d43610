{#- What is said of each store, as `is_own` of itself or, by rows without a store, of its whole source: a
    row for each of both. Each is joined on its own: a join of both at once has no store to hash by. -#}
{% macro of_each_store(stores, said, columns) -%}
    {%- for is_own in [true, false] %}
    select
        {{ stores }}.source,
        {{ stores }}.store_id,
        {%- for column in columns %}
        {{ said }}.{{ column }},
        {%- endfor %}
        {{ is_own }} as is_own
    from {{ stores }}
    inner join {{ said }}
        on
            {{ stores }}.source = {{ said }}.source
            and {{ said }}.store_id {{ '= ' ~ stores ~ '.store_id' if is_own else 'is null' }}
    {{ 'union all' if not loop.last }}
    {%- endfor %}
{%- endmacro %}
