{#- Finds every row of a model that lists what should not be. -#}
{% test has_no_rows(model) %}

select * from {{ model }}

{% endtest %}
