{#- Finds rows for which an expression is false; where it is null, nothing is known and it passes. -#}
{% test holds(model, expression) %}

select *
from {{ model }}
where not ({{ expression }})

{% endtest %}
