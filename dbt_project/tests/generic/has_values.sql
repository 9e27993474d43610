{#- Finds rows of a model in which a column that must have a value has none. -#}
{% test has_values(model, columns) %}

select *
from {{ model }}
where
    {%- for column in columns %}
    {% if not loop.first %}or {% endif %}{{ column }} is null
    {%- endfor %}

{% endtest %}
